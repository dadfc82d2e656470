import os
import sys
import time

import pyiec61850

sys.path.insert(0, os.path.dirname(pyiec61850.__file__))
import iec61850 as mms  # noqa: E402

connection = mms.IedConnection_create()
assert mms.IedConnection_connect(connection, os.environ["ADDRESS"], 102) == 0
below = mms.IedConnection_getMmsConnection(connection)
# The library says that it is connected a moment before it takes requests.
identity = None
for _ in range(20):
    identity = identity or mms.MmsConnection_identify(below, None)
    time.sleep(0 if identity else 0.1)
print(identity.vendorName, identity.modelName, identity.revision)
devices = mms.LinkedList_getNext(mms.IedConnection_getLogicalDeviceList(connection)[0])
while devices:
    print(mms.toCharP(devices.data))
    devices = mms.LinkedList_getNext(devices)
print(mms.IedConnection_readStringValue(connection, "SIP5CTRL/LPHD1.PhyNam.vendor", mms.IEC61850_FC_DC))
mms.IedConnection_close(connection)
