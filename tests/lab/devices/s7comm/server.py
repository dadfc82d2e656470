import ctypes
import os
import signal

import snap7
from snap7.type import SrvArea

server = snap7.server.Server()
block = (ctypes.c_uint8 * 128)(*range(128))
server.register_area(SrvArea.DB, 1, block)
server.start_to(os.environ["ADDRESS"], 102)
signal.pause()
