import os
import time

import c104

client = c104.Client(tick_rate_ms=100)
connection = client.add_connection(ip=os.environ["ADDRESS"], port=2404, init=c104.Init.NONE)
point = connection.add_station(common_address=47).add_point(io_address=11, type=c104.Type.M_ME_NC_1)
client.start()
for _ in range(30):
    # Left to itself, the library sometimes forgets to begin.
    if connection.is_connected:
        connection.unmute()
        connection.interrogation(common_address=47)
    time.sleep(0.5)
    if point.value:
        break
print(point.value)
assert point.value, "the station did not answer the interrogation"
client.stop()
