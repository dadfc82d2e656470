import os
import signal

from pyads.testserver import AdsTestServer, BasicHandler

server = AdsTestServer(handler=BasicHandler(), ip_address=os.environ["ADDRESS"], logging=False)
server.start()
signal.pause()
