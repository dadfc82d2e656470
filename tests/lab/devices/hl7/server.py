import os

from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message


class Acknowledge(AbstractHandler):
    def reply(self):
        asked = parse_message(self.incoming_message).msh
        header = ["MSH|^~\\&", "MIRTH_ADT", "GENERAL_HOSPITAL", asked.msh_3.value, asked.msh_4.value, "20260101120000", "", "ACK^R01",
                  "ACK" + asked.msh_10.value, "P", "2.5"]
        return "\x0b" + "|".join(header) + "\rMSA|AA|" + asked.msh_10.value + "\r\x1c\x0d"


handlers = {kind: (Acknowledge,) for kind in ["ORU^R01", "ORU^R01^ORU_R01"]}
MLLPServer(os.environ["ADDRESS"], 2575, handlers).serve_forever()
