import os

import pyads

pyads.open_port()
pyads.set_local_address("10.66.0.250.1.1")
with pyads.Connection("10.66.0.20.1.1", pyads.PORT_TC3PLC1, os.environ["ADDRESS"]) as connection:
    print(connection.read_device_info())
    print(connection.read_state())
