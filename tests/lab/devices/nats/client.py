import asyncio
import os

import nats


async def main():
    connection = await nats.connect(f"nats://{os.environ['ADDRESS']}:4222", name="historian", connect_timeout=5)
    await connection.publish("plant.line1", b"21.7")
    await connection.close()


asyncio.run(main())
