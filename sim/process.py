"""One client process: a loop, two clocks, and the streams that ship, on a network and a disk that lie."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from listenkey.core.states import State
from listenkey.core.status import status_of
from listenkey.errors import Disconnected, JournalError, ListenKeyError, Refused, Retired, TimedOut, UsageError
from listenkey.items import Item
from listenkey.journal.sqlite import SqliteJournal
from listenkey.journal.writer import NOTE_EVERY_S, Writer
from listenkey.rest import rate_limiter as limiters
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.stream.driver import Driver
from listenkey.stream.user_stream import UserStream
from listenkey.transport.base import Socket
from listenkey.venue import Venue
from sim import framed
from sim.disk import Disk, Files, SimStore, write_files
from sim.evidence import Client, Stream
from sim.http import SimHttp
from sim.loop import VirtualLoop
from sim.network import Network, SimSocket, refusal
from sim.threads import Machine
from tests.chaos import judge

if TYPE_CHECKING:
    from sim.guests import Guest
    from sim.world import World

SECOND_US: Final = 1_000_000
FIRST_PORT: Final = 10_001
CONSUMER: Final = "book"
TRY_AGAIN_US: Final = 30 * SECOND_US
"""A program that can't open its journal, or finds its address retired, ends; whoever runs it starts it again."""

END_WITHIN_US: Final = 2 * SECOND_US
"""A program that is asked to end has ended by then."""

Tamper: TypeAlias = Callable[[ApiRequest, ApiResponse], ApiResponse]


class UserBug(Exception):
    """The error that the user's own code raises."""


class NoOutput(Exception):
    """An item was read and can't be printed."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


class SimClock:
    """The process's two clocks, as `clock.Clock` has them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset_ms = 0
        self.up_s = 1000.0  # for so long its machine had been running when the simulation began

    def now_s(self) -> float:
        return self.up_s + self._world.now_us / 1e6

    def boot(self) -> str:
        return f"{self.up_s}"

    def wall_ms(self) -> int:
        return self._world.options.start_ms + self._world.now_us // 1000 + self.offset_ms


class Life:
    """One life of a process, from its start to its end."""

    def __init__(self, process: Process, number: int) -> None:
        self.process = process
        self.number = number
        self.folder = process.folder / str(number)
        self.loop: VirtualLoop = VirtualLoop()  # type: ignore[abstract]  # asyncio asks for no more than it has
        self.machine = Machine(lambda: process.world.now_us)
        self.streams: list[UserStream] = []
        self.told: list[Stream] = []
        self.statuses: list[str] = []
        self.closed: set[int] = set()  # streams of guests that have gone, or whose user was cancelled
        self.users: dict[int, asyncio.Task[None]] = {}  # who reads each stream
        self.in_commit: dict[int, Callable[[], None]] = {}  # what happens once when a stream is committed next
        self.arrivals: dict[int, list[tuple[int, judge.Fill]]] = {}
        limiter = RateLimiter(process.clock, process.venue, SimHttp(self))
        limiter.users = 1  # ours, so that it is never closed
        limiters._shared.setdefault(self.loop, {})[process.venue.rest_url] = limiter

    def start(self) -> None:
        """Run the program: open each stream, read it, commit now and then."""
        for guest in self.process.guests:
            guest.is_back()
        for number in range(len(self.told)):
            self.streams.append(self.make_stream(number))
            self.statuses.append("")
            self.loop.call(lambda number=number: self.begin(number))  # type: ignore[misc]

    @property
    def commits(self) -> bool:
        """True where its programs ever commit."""
        return bool(self.process.world.options.commit_every) and self.path(0) is not None

    def begin(self, number: int) -> None:
        """Let a program use one of its streams; from within the loop."""
        user = self.users[number] = self.loop.create_task(self.use(self.streams[number], self.told[number]))
        user.add_done_callback(self.program_ended)

    def make_stream(self, number: int) -> UserStream:
        """Make a stream as a program does, but for the clock, the disk and the random numbers."""
        process = self.process
        options = process.world.options
        path = self.path(number)
        identity = process.identity_of(number)
        made = UserStream(
            api_key=identity.api_key,
            api_secret=process.secret_of(identity) if options.recovers else None,
            venue=process.venue,
            account=identity.name,
            timing=options.timing(),
        )
        made._driver.clock = process.clock
        made._driver.random = random.Random(f"{options.seed}:client:{process.number}:{number}:{self.number}")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            made._driver.journal = SqliteJournal(path, identity.name, process.clock.wall_ms, consumer=CONSUMER)
            store = made._driver.journal._store
            assert isinstance(store, SimStore)
            store.life = self
            made._driver.beside = path  # where it is written down what was spent, for the next process
            self._shorten(made._driver.journal._writer)
        else:
            made._driver.journal._wall_ms = process.clock.wall_ms  # type: ignore[attr-defined]
        return made

    def _shorten(self, writer: Writer) -> None:
        """Let the journal's thread have its turn without a change of threads, where nothing can hold it up."""
        thread: Any = writer._thread
        disk, machine = self.process.disk, self.machine

        def rests() -> bool:
            # Not where it waits before it tries again: what it could not write has left the queue, and is its own.
            return thread.waits_for is writer._wake

        def idle() -> bool:
            return rests() and writer._heard_ms == writer._covered_ms and writer._cursor <= writer._cursor_written

        def shortcut() -> bool:
            if not rests() or not disk.is_calm or writer._stopping:
                return False
            writer._turn()
            thread.due_us = machine.now_us() + int(NOTE_EVERY_S * SECOND_US)
            return True

        thread.idle, thread.shortcut = idle, shortcut

    def path(self, number: int) -> Path | None:
        """Return the path of a stream's journal, if it has one in a file."""
        return self.folder / f"{number}.db" if self.process.world.options.journal else None

    def stores(self) -> list[SimStore]:
        """The journals' files."""
        journals = [stream._driver.journal for stream in self.streams]
        stores = [journal._store for journal in journals if isinstance(journal, SqliteJournal)]
        return [store for store in stores if isinstance(store, SimStore)]

    async def use(self, stream: UserStream, told: Stream) -> None:
        """Use a stream as a careful program does."""
        process, every = self.process, self.process.world.options.commit_every
        ended: ListenKeyError | None = None
        try:
            async with stream:
                while True:
                    try:
                        await self._read(stream, told, every)
                    except UserBug:
                        continue  # a careful program goes on with the next item
                    except NoOutput as unprinted:
                        # Nobody reads meanwhile; what was not printed is printed first then.
                        await self._output_is_back()
                        await self._print(stream, told, unprinted.item, every)
                        continue
                    break
        except (JournalError, Retired, Refused, UsageError) as error:
            # `Retired` only at the very beginning: it is how a program ends that has a wrong address.
            if process.is_started_again_after(error):
                told.exits.append((process.world.now_us, str(error)))
                if not process.ends:
                    process.world.at(process.world.now_us + TRY_AGAIN_US, lambda: process.start_again(self))
                return
            ended = error
        except ListenKeyError as error:
            ended = error
        if not process.ends and told.number not in self.closed and told.died_us is None:
            told.ended_us, told.error = process.world.now_us, ended

    async def _read(self, stream: UserStream, told: Stream, every: int) -> None:
        process, world = self.process, self.process.world
        async for item in stream:
            if world.now_us < process.prints_from_us:
                if not process.print_hangs:
                    raise NoOutput(item)
                await self._output_is_back()
            await self._print(stream, told, item, every)
            if world.now_us < process.reads_from_us:
                await asyncio.sleep((process.reads_from_us - world.now_us) / 1e6)
            if world.now_us < process.raises_until_us:
                world.note(f"{process.number} user code raises")
                raise UserBug

    async def _output_is_back(self) -> None:
        process, world = self.process, self.process.world
        while world.now_us < process.prints_from_us:  # noqa: ASYNC110 - virtual time, and it may get longer
            await asyncio.sleep((process.prints_from_us - world.now_us) / 1e6)

    async def _print(self, stream: UserStream, told: Stream, item: Item, every: int) -> None:
        world = self.process.world
        told.tell(world.now_us, item)
        world.note_told(told)
        if every and item.seq % every == 0 and self.path(0) is not None:
            cancel = self.in_commit.pop(self.streams.index(stream), None) if self.in_commit else None
            if cancel is not None:
                cancel()
            await stream.commit(item.seq)

    def note_arrival(self, driver: Driver, frame: bytes) -> None:
        """While nothing can be shown: which fills a socket of a stream has brought."""
        if b'"TRADE"' in frame or b'"fi"' in frame:
            fills = judge.fills_in({"kind": "update", "provenance": "ws", "raw": frame})
            number = next(at for at, stream in enumerate(self.streams) if stream._driver is driver)
            came = self.arrivals.setdefault(number, [])
            came += [(self.process.world.now_us, fill) for fill in fills]

    def program_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.loop.failure = self.loop.failure or error

    def note_statuses(self) -> None:
        """Note the present status of each stream."""
        for number, (stream, told) in enumerate(zip(self.streams, self.told, strict=True)):
            if told.number in self.closed:
                continue
            journal = stream._driver.journal
            status = status_of(stream._driver.life, self.process.clock.now_s(), journal.problem, journal.losing)
            if status != self.statuses[number]:
                self.statuses[number] = status
                told.statuses.append((self.process.world.now_us, status))

    def bury(self) -> None:
        """Let go of what a dead process left in memory; nobody looks any more."""
        self.loop.bury()


class Process:
    """
    One process with one or more streams of one account, and guests of others; and its machine.

    Attributes:
        frozen_until_us: It does not run before; 0 when it runs.
        down: Reasons why it does not run at all.
        leaving: It was asked to end, and does.
        reads_from_us: Its consumer reads nothing before.
        raises_until_us: Its consumer raises at each item until then.
        prints_from_us: What its consumer has read can't be shown before.
        print_hangs: Showing it takes until then; else it fails, and the consumer reads no more.
        unprinted: Reasons why that is so.
        revoked: Reasons why the venue refuses its API key.
        guests: Further accounts, each with a stream behind those of its own account.
        tampers: What is done to the venue's answers on their way to it.
        spoilt: Reasons why its journal may be refused, until somebody mends it.
        anew: How often somebody moved a journal of it away, so that it began a new one.
    """

    def __init__(self, world: World, number: int, identity: SandboxAccount, streams: int) -> None:
        self.world = world
        self.number = number
        self.account = identity.name
        self.ip = f"10.0.0.{number + 1}"
        self.api_key = identity.api_key
        self.guests: list[Guest] = []
        self._identity = identity
        self._streams = streams
        self.folder = world.folder / str(number)
        self.evidence = Client(wall_offsets=[(0, 0)])
        self.clock = SimClock(world)
        options = world.options
        self.network = Network(world, self, random.Random(f"{options.seed}:network:{number}"))
        self.disk = Disk(random.Random(f"{options.seed}:disk:{number}"))
        self.frozen_until_us = 0
        self.asleep = False
        self.refused_handshakes = 0
        self.stopping = False
        self.leaving = False
        self.reads_from_us = 0
        self.raises_until_us = 0
        self.prints_from_us = 0
        self.print_hangs = False
        self.unprinted = 0
        self.revoked = 0
        self.was_revoked = False
        self.wrong_secret = False
        self.tampers: list[Tamper] = []
        self.spoilt = 0
        self.anew = 0
        self.down = 0
        self._down_since_us = 0
        self._remembers = False
        self._second = 0
        self._handles_before = 0
        base = f"127.0.0.1:{FIRST_PORT + number}"
        self.venue = Venue(f"http://{base}", f"ws://{base}", attach=options.venue_attach())
        self.told = [Stream(world.next_stream(), number, identity.name) for _ in range(streams)]
        self.life = Life(self, 0)
        """The present one, or the last."""

        self.lives = [self.life]
        self.life.told = list(self.told)

    def identity_of(self, number: int) -> SandboxAccount:
        """Return the account of a stream, with the API key it uses."""
        return self._identity if number < self._streams else self.guests[number - self._streams].identity

    def take_identity(self, identity: SandboxAccount) -> None:
        """Give it another API key of the same account; the old one is refused."""
        self._identity, self.api_key = identity, identity.api_key

    def secret_of(self, identity: SandboxAccount) -> str:
        """Return the secret that signs; or one that does not."""
        return "x" * 64 if self.wrong_secret else identity.api_secret

    @property
    def own_streams(self) -> int:
        """The number of streams of its own account; those of guests are behind them."""
        return self._streams

    @property
    def told_now(self) -> list[Stream]:
        """The evidence of the present life's streams, by their number in the process."""
        return self.life.told

    def goes_on_as(self, number: int, stream: Stream) -> None:
        """Let one of its streams be another from now on; to be called while it is down."""
        self.life.told = [stream if place == number else told for place, told in enumerate(self.life.told)]
        self.told.append(stream)

    @property
    def loop(self) -> VirtualLoop:
        """The event loop of the present life."""
        return self.life.loop

    # --- Running -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the program."""
        self.world.machine = self.life.machine
        self.life.start()
        self._after_running()

    def due_us(self) -> int | None:
        """Return when it has something to do, and can."""
        if self.down:
            return None
        life = self.life
        due_us, threads_us = life.loop.due_us(), life.machine.due_us()
        if due_us is None or threads_us < due_us:
            due_us = threads_us
        return due_us if due_us > self.frozen_until_us else self.frozen_until_us  # noqa: FURB136 - asked all the time

    def run(self, now_us: int) -> None:
        """Do what is due."""
        self.thaw_if_due(now_us)
        self.world.machine = self.life.machine
        self.loop.run(now_us)
        if not self.down:
            self.life.machine.run()
        self._after_running()
        if now_us - self._second >= SECOND_US:
            self._second, self._handles_before = now_us, self.loop.handles
        most = self.evidence.handles_in_a_second_most
        self.evidence.handles_in_a_second_most = max(most, self.loop.handles - self._handles_before)

    def _after_running(self) -> None:
        if not self.down:
            self.life.note_statuses()
        if self.loop.failure is not None:
            raise self.loop.failure

    def freeze(self, for_us: int, *, asleep: bool) -> None:
        """Stop running; asleep, asyncio's clock stops, too."""
        if self.frozen_until_us or self.down:
            return
        now_us = self.world.now_us
        self.frozen_until_us = now_us + for_us
        self.asleep = asleep
        self.evidence.stalls_us.append((now_us, now_us + for_us))
        if asleep:
            self.loop.sleep(for_us)

    def thaw_if_due(self, now_us: int) -> None:
        """Run again."""
        if self.frozen_until_us and now_us >= self.frozen_until_us:
            self.frozen_until_us = 0
            self.asleep = False

    def step_clock(self, ms: int) -> None:
        """Set the wall clock."""
        self.clock.offset_ms += ms
        self.evidence.wall_offsets.append((self.world.now_us, self.clock.offset_ms))

    def is_live(self) -> bool:
        """True where all of its streams are live, with nothing under way."""
        # A stream that waits for REST needs every look at REST history: it is what brings the rest.
        if self.down or {"DEGRADED", "SUSPECT"} & set(self.life.statuses):
            return False
        return all(each._driver.life.state is State.LIVE for each in self.life.streams)

    @property
    def ends(self) -> bool:
        """True where it was asked to end."""
        return self.stopping or self.leaving

    def answered(self, request: ApiRequest) -> ApiResponse:
        """Return the venue's answer to a request of this process, as it arrives."""
        if self.revoked:
            return ApiResponse(401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
        answer = self.world.exchange.handle(request, self.world.now_ms)
        for tamper in list(self.tampers):
            answer = tamper(request, answer)
        return answer

    def stop(self) -> None:
        """Close the streams, as a program does that ends in order."""
        self.stopping = True
        if not self.down:
            self._close_streams()

    def leave(self) -> None:
        """SIGTERM: the program ends in order, and is gone two seconds later. Whoever runs it starts it again (`rise`)."""
        if self.down or self.ends or self.frozen_until_us:
            return
        self.leaving = True
        life, closing = self.life, self._close_streams()

        def gone() -> None:
            if self.life is not life or self.down or self.stopping:
                return
            late = [told for told, task in zip(life.told, closing, strict=True) if not task.done()]
            if not self.frozen_until_us:
                for told in late:
                    told.contradictions.append((self.world.now_us, "it was asked to end, and did not within 2 s"))
            self.die("kill")

        self.world.at(self.world.now_us + END_WITHIN_US, gone)

    def _close_streams(self) -> list[asyncio.Task[None]]:
        closing: list[asyncio.Task[None]] = []
        self.world.machine = self.life.machine
        streams = self.life.streams
        self.loop.call(lambda: closing.extend(self.loop.create_task(each.aclose()) for each in streams))
        return closing

    def inside(self, do: Callable[[UserStream], None]) -> None:
        """Do something to each of its streams, from within, if it runs."""
        if self.down or self.ends or self.frozen_until_us:
            return
        self.world.machine = self.life.machine
        for stream in self.life.streams:
            self.loop.call(lambda stream=stream: do(stream))  # type: ignore[misc]

    # --- Ending without a word -------------------------------------------------------------------------------------

    def die(self, how: str, left: dict[str, Files] | None = None) -> None:
        """
        The process is no more: killed, or its machine without power. Nothing in it runs again.

        Args:
            how: "kill" or "power".
            left: What a journal's files hold, by name, where the end came in the middle of a write.
        """
        if self._down_since_us or self.stopping:
            return
        self._down_since_us = self.world.now_us
        self._remembers = self.world.options.journal and how != "power"
        self.leaving = False
        self.down += 1
        self.world.note(f"{self.number} dies: {how}")
        self.frozen_until_us, self.asleep = 0, False
        if how == "kill":
            self.network.hang_up_all()
        else:
            self.network.vanish_all()
        life, left = self.life, left or {}
        following = Life(self, life.number + 1)
        for store in life.stores():
            write_files(following.folder / store.path.name, left.get(store.path.name) or store.left_by(how))
            store.drop()
        life.machine.kill()
        for told, status in zip(life.told, life.statuses, strict=True):
            if status:
                told.statuses.append((self.world.now_us, "DOWN"))
        following.told = self._go_on(life.told)
        self.life = following
        self.lives.append(following)

    def forgets(self) -> None:
        """Drop what the last process wrote down of its items and its weight: the next one does not find it."""
        self._remembers = False

    def _go_on(self, told: list[Stream]) -> list[Stream]:
        """A journal in a file goes on; one in memory is another stream from now on."""
        if self.world.options.journal:
            for one in told:
                one.lives_us.append(self.world.now_us)
            return told
        for one in told:
            one.died_us = self.world.now_us
        new = [Stream(self.world.next_stream(), one.process, one.account) for one in told]
        self.told.extend(new)
        return new

    def rise(self) -> None:
        """Start the process again."""
        if not self._down_since_us:
            return
        self.evidence.stalls_us.append((self._down_since_us, self.world.now_us))
        self.evidence.lives_us.append(self.world.now_us)
        if not self._remembers or len(self.evidence.wall_offsets) > 1:
            self.evidence.starts_us.append(self.world.now_us)
        self._down_since_us = 0
        self.down -= 1
        self.start()

    def is_started_again_after(self, error: ListenKeyError) -> bool:
        """Return True where the cause of the program's end may pass, by itself or because somebody mends it."""
        if isinstance(error, Refused):
            return self.was_revoked
        return bool(self.spoilt) or not isinstance(error, UsageError)

    def start_again(self, life: Life) -> None:
        """The program had ended with an error of its journal."""
        if life is self.life and not self.down and not self.stopping:
            self.die("kill")
            self.rise()


def connector(world: World) -> Callable[..., object]:
    """Make the stand-in of `transport.websocket.connect` for real streams."""

    async def connect(
        url: str,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
        *,
        timeout_s: float,
    ) -> Socket:
        base, _, rest = url.removeprefix("ws://").partition("/")
        path, _, query = rest.partition("?")
        process = world.processes[int(base.rpartition(":")[2]) - FIRST_PORT]
        if asyncio.get_running_loop() is not process.loop:
            raise UsageError("a process opened a connection of another one")
        if world.options.framed:
            return await framed.connect(process, url, on_message, on_heard, on_pong, on_lost, timeout_s=timeout_s)
        socket = SimSocket(process.network, on_message, on_heard, on_pong, on_lost)
        answered: asyncio.Future[None] = process.loop.create_future()

        def answer(refused: ListenKeyError | ApiResponse | None) -> None:
            if answered.done():
                return
            if refused is None:
                answered.set_result(None)
            else:
                answered.set_exception(refusal(refused) if isinstance(refused, ApiResponse) else refused)

        socket.connection = process.network.connect(f"/{path}", query, socket, answer)
        try:
            async with asyncio.timeout(timeout_s):
                await answered
        except TimeoutError:
            process.network.hang_up(socket.connection)
            raise TimedOut("opening a WebSocket to venue", timeout_s) from None
        except BaseException:
            process.network.hang_up(socket.connection)
            raise
        return socket

    return connect
