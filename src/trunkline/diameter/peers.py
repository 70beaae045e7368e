"""The open connections, and by which of them a host is reached."""

from trunkline.diameter.peer import Peer, State

MOST_LEARNT = 10_000
"""Hosts behind agents that are remembered."""


class Peers:
    """Who is connected. A host is reached over any of its own connections, or else through the
    agent that its last request came by, or else through any agent."""

    def __init__(self) -> None:
        self.all: set[Peer] = set()
        self._by_host: dict[str, list[Peer]] = {}
        self._agents: dict[str, Peer] = {}

    def add(self, peer: Peer) -> None:
        self.all.add(peer)

    def opened(self, peer: Peer) -> None:
        """Its capabilities are known."""
        self._by_host.setdefault(peer.host.lower(), []).append(peer)

    def remove(self, peer: Peer) -> None:
        self.all.discard(peer)
        for host in [host for host, agent in self._agents.items() if agent is peer]:
            del self._agents[host]
        of_host = self._by_host.get(peer.host.lower(), [])
        if peer in of_host:
            of_host.remove(peer)
            if not of_host:
                del self._by_host[peer.host.lower()]

    def learn(self, host: bytes, agent: Peer) -> None:
        """A request of `host` came by `agent`."""
        name = host.decode("ascii", errors="replace").lower()
        if self._agents.get(name) is agent:
            return
        self._agents.pop(name, None)
        if len(self._agents) >= MOST_LEARNT:
            del self._agents[next(iter(self._agents))]
        self._agents[name] = agent

    def to(self, host: str) -> Peer | None:
        """A connection to send a request for `host` on; each of several in its turn."""
        host = host.lower()
        own = self._by_host.get(host)
        if own:
            for _ in range(len(own)):
                own.append(own.pop(0))
                if own[-1].state is State.OPEN:
                    return own[-1]
        agent = self._agents.get(host)
        if agent is not None and agent.state is State.OPEN:
            return agent
        for peer in self.all:
            if peer.relays and peer.state is State.OPEN:
                return peer
        return None
