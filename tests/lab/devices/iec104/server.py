import os
import signal

import c104

server = c104.Server(ip=os.environ["ADDRESS"], port=2404, tick_rate_ms=100)
station = server.add_station(common_address=47)
station.add_point(io_address=11, type=c104.Type.M_ME_NC_1, report_ms=1000).value = 11.5
station.add_point(io_address=12, type=c104.Type.M_SP_NA_1).value = True
server.start()
signal.pause()
