import os
import signal
import sys

import pyiec61850

# Its module is written to be imported from inside its folder.
sys.path.insert(0, os.path.dirname(pyiec61850.__file__))
import iec61850 as mms  # noqa: E402

model = mms.IedModel_create("SIP5")
device = mms.LogicalDevice_create("CTRL", model)
zero = mms.LogicalNode_create("LLN0", device)
mms.CDC_ENS_create("Mod", mms.toModelNode(zero), 0)
mms.CDC_LPL_create("NamPlt", mms.toModelNode(zero), 0)
physical = mms.LogicalNode_create("LPHD1", device)
plate = mms.CDC_DPL_create("PhyNam", mms.toModelNode(physical), mms.CDC_OPTION_DESC | 0xFFF)
measured = mms.LogicalNode_create("MMXU1", device)
mms.CDC_MV_create("TotW", mms.toModelNode(measured), 0, False)

server = mms.IedServer_create(model)
mms.IedServer_setServerIdentity(server, "SIEMENS AG", "SIPROTEC 7SJ85", "V09.50.01")
vendor = mms.ModelNode_getChild(mms.toModelNode(plate), "vendor")
mms.IedServer_updateVisibleStringAttributeValue(server, mms.toDataAttribute(vendor), "SIEMENS AG")
mms.IedServer_setLocalIpAddress(server, os.environ["ADDRESS"])
mms.IedServer_start(server, 102)
signal.pause()
