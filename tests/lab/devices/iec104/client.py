import os
import time

import c104

client = c104.Client(tick_rate_ms=100)
connection = client.add_connection(ip=os.environ["ADDRESS"], port=2404, init=c104.Init.ALL)
point = connection.add_station(common_address=47).add_point(io_address=11, type=c104.Type.M_ME_NC_1)
client.start()
time.sleep(4)
assert connection.is_connected
print(point.value)
client.stop()
