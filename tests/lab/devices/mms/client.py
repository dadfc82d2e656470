import os
import sys

import pyiec61850

sys.path.insert(0, os.path.dirname(pyiec61850.__file__))
import iec61850 as mms  # noqa: E402

connection = mms.IedConnection_create()
assert mms.IedConnection_connect(connection, os.environ["ADDRESS"], 102) == 0
identity = mms.MmsConnection_identify(mms.IedConnection_getMmsConnection(connection), mms.toMmsErrorP())
print(identity.vendorName, identity.modelName, identity.revision)
devices = mms.LinkedList_getNext(mms.IedConnection_getLogicalDeviceList(connection)[0])
while devices:
    print(mms.toCharP(devices.data))
    devices = mms.LinkedList_getNext(devices)
print(mms.IedConnection_readStringValue(connection, "SIP5CTRL/LPHD1.PhyNam.vendor", mms.IEC61850_FC_DC))
mms.IedConnection_close(connection)
