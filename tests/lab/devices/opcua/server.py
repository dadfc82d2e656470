import asyncio
import os
from datetime import datetime

from asyncua import Server


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://{os.environ['ADDRESS']}:4840/")
    server.set_server_name("CX-5140 TwinCAT OPC UA")
    await server.set_application_uri("urn:beckhoff:cx-5140:opcua")
    await server.set_build_info("http://www.beckhoff.com/cx5140", "Beckhoff Automation", "TwinCAT OPC UA Server", "4.3.33", "33", datetime(2023, 5, 1))
    plc = await server.nodes.objects.add_object(2, "PLC1")
    await plc.add_variable(2, "Temp", 20.5)
    async with server:
        await asyncio.Future()


asyncio.run(main())
