import os

import snap7

client = snap7.client.Client()
client.connect(os.environ["ADDRESS"], 0, 2)
information = client.get_cpu_info()
print(information.ModuleTypeName, information.SerialNumber, information.ASName)
print(client.get_order_code().OrderCode, client.get_cpu_state(), client.db_read(1, 0, 8))
print(bytes(client.read_szl(0x11, 0).Data)[:40])
client.disconnect()
