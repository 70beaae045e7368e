"""What every domain stands on: databases, the outbox and its relay, jobs, clock, settings,
security, telemetry.

The platform knows no telecom rule and imports only the kernel. Import the modules themselves
(`from trunkline.platform.db import Tx`).
"""
