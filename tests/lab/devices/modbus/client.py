import os

from pymodbus.client import ModbusTcpClient
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest

client = ModbusTcpClient(os.environ["ADDRESS"])
assert client.connect()
for category in (1, 2, 3):
    print(client.execute(False, ReadDeviceInformationRequest(read_code=category, object_id=0)).information)
print(client.read_holding_registers(0, count=4).registers, client.read_input_registers(0, count=4).registers)
client.close()
