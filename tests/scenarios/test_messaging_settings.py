"""From the settings to the centre: an operator's jobs process sends."""

import threading
from collections.abc import Callable

import msgspec

from tests.unit.messaging.centre import PATIENCE, TestCentre
from tests.unit.messaging.mail import TestMailServer
from trunkline import messaging
from trunkline.app import open_system
from trunkline.app.founding import found
from trunkline.app.messages import channels, senders
from trunkline.messaging import ChannelName
from trunkline.platform.clock import DrivenClock
from trunkline.platform.settings import DatabaseSettings, Settings
from trunkline.platform.settings_messages import SmppSettings, SmtpSettings


def test_what_the_settings_name(new_database: Callable[..., str], clock: DrivenClock) -> None:
    urls = {name: new_database(name) for name in ("books", "charging")}
    with TestCentre() as centre, TestMailServer() as server:
        mail = server.settings()
        settings = Settings(
            databases=DatabaseSettings(**urls),
            smpp=SmppSettings(host="127.0.0.1", port=centre.port, password="secret"),
            smtp=SmtpSettings(host=mail.host, port=mail.port, security="none", sender=mail.sender),
        )
        system = open_system(settings, clock)
        found(system)
        running = senders(system)
        with system.books.transaction() as tx:
            assert messaging.served(tx) == {ChannelName.SMS, ChannelName.EMAIL}
            for kind, receiver in (
                ("SMS", {"phoneNumber": "+353850000001"}),
                ("Email", {"email": "maeve@example.ie"}),
            ):
                body = {"messageType": kind, "content": "Hello", "receiver": [receiver],
                        "sender": {"name": "Us"}}  # fmt: skip
                messaging.say(tx, body, clock.now())
        system.relay().drain()
        stop = threading.Event()
        threads = [threading.Thread(target=each.run, args=(stop,)) for each in running]
        for thread in threads:
            thread.start()
        assert centre.next().short_message == b"Hello"
        assert server.next()["To"] == "maeve@example.ie"
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        senders(msgspec.structs.replace(system, settings=Settings()))
        with system.books.read() as r:
            assert messaging.served(r) == set()
        system.close()


def test_channels() -> None:
    assert channels(Settings()) == set()
