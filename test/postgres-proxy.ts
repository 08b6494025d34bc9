import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * A fault for a statement: the request is lost before PostgreSQL, or the response is lost; both cut
 * the connection after `act`. Or both are delayed, or PostgreSQL refuses the statement with a
 * SQLSTATE, or the response is one that the driver throws for, outside of any call.
 */
export type Fault = Cut | Delay | Refusal | Garbled

export type Cut = { when: 'before' | 'after'; act?: () => void }

/** The statement is held until `sent` resolves, its response until `answered`. */
export type Delay = { when: 'late'; sent: Promise<void>; made: () => void; answered: Promise<void> }

/**
 * PostgreSQL raises this error, once `sent` resolves, without running the statement; a transaction
 * is broken.
 */
export type Refusal = { when: 'refused'; code: string; sent?: Promise<void> }

export type Garbled = { when: 'garbled' }

export type ProxyOptions = {
  /** Called with each statement that passes, by its name or its first words. */
  onStatement?: (label: string) => Fault | undefined
}

export type PostgresProxy = {
  /** The database's address through the proxy. */
  url: string
  port: number
  /** From here on all data passes; data held by a stalled network arrives now. */
  pass: () => void
  /** Cuts every connection, and every new one. */
  refuse: () => void
  /** Drops all data in both directions without closing connections. */
  stall: () => void
  /** New connections lead to another server, as after a change of DNS; open ones stay. */
  moveTo: (databaseUrl: string) => void
  /** Breaks every open connection; new ones pass. */
  cut: () => void
  close: () => Promise<void>
}

type State = 'passing' | 'refusing' | 'stalled'

/** A proxy before PostgreSQL that parses the protocol and simulates network faults. */
export async function startPostgresProxy(
  databaseUrl: string,
  { onStatement = () => undefined }: ProxyOptions = {},
): Promise<PostgresProxy> {
  let target = new URL(databaseUrl)
  const links = new Set<Link>()
  let state: State = 'passing'
  const listener = createServer((client) => {
    if (state === 'refusing') return void client.destroy()
    const server = connect(Number(target.port), target.hostname)
    const link = openLink({ client, server }, { isStalled: () => state === 'stalled', onStatement })
    links.add(link)
    server.on('close', () => links.delete(link))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const url = new URL(target)
  url.host = `127.0.0.1:${port}`
  const cutAll = () => {
    for (const link of links) link.cut()
  }
  return {
    url: url.href,
    port,
    pass() {
      state = 'passing'
      for (const link of links) link.flush()
    },
    refuse() {
      state = 'refusing'
      cutAll()
    },
    stall() {
      state = 'stalled'
    },
    moveTo(other) {
      target = new URL(other)
    },
    cut: cutAll,
    async close() {
      cutAll()
      listener.close()
      await once(listener, 'close')
    },
  }
}

type Link = { flush: () => void; cut: () => void }
type Ends = { client: Socket; server: Socket }
type LinkOptions = Required<ProxyOptions> & { isStalled: () => boolean }

function openLink({ client, server }: Ends, { isStalled, onStatement }: LinkOptions): Link {
  const up = channel(server, isStalled)
  const down = channel(client, isStalled)
  let cutAfter: Cut | undefined
  let whenMade: (() => void) | undefined
  const cut = (fault?: Cut) => {
    fault?.act?.()
    client.destroy()
    server.destroy()
  }
  const readRequests = requestReader((labels, bytes) => {
    const fault = labels.map(onStatement).find((found) => found !== undefined)
    if (fault?.when === 'before') return cut(fault)
    if (fault?.when === 'after') cutAfter ??= fault
    if (fault?.when === 'garbled') return void client.write(unknownAuthentication)
    if (fault?.when === 'late') delay(fault)
    if (fault?.when === 'refused' && fault.sent) up.holdUntil(fault.sent)
    up.send(fault?.when === 'refused' ? raiseError(fault) : bytes)
  })
  const readAnswers = messageReader({ begun: true }, (type) => {
    if (type !== readyForQuery) return
    if (cutAfter) cut(cutAfter)
    whenMade?.()
    whenMade = undefined
  })
  const delay = ({ sent, made, answered }: Delay) => {
    up.holdUntil(sent)
    down.holdUntil(answered)
    whenMade = made
  }
  for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => {})
  client.on('data', readRequests).on('close', up.end)
  server.on('close', down.end).on('data', (chunk) => {
    readAnswers(chunk)
    if (!cutAfter) down.send(chunk)
  })
  return {
    cut,
    flush() {
      up.flush()
      down.flush()
    },
  }
}

/** One direction of a connection. A stalled network holds data, and the end of the connection. */
function channel(out: Socket, isStalled: () => boolean) {
  const held: Buffer[] = []
  let over = false
  let waits = 0
  const flush = () => {
    if (waits > 0) return
    for (const bytes of held.splice(0)) out.write(bytes)
    if (over) out.end()
  }
  return {
    flush,
    /** Stalls this direction only. */
    holdUntil(past: Promise<void>) {
      waits += 1
      past.then(() => {
        waits -= 1
        if (!isStalled()) flush()
      })
    },
    send(bytes: Buffer) {
      if (isStalled() || waits > 0) held.push(bytes)
      else out.write(bytes)
    },
    end() {
      over = true
      if (!isStalled()) flush()
    },
  }
}

const parse = 'P'
const bind = 'B'
const simpleQuery = 'Q'
const readyForQuery = 'Z'
/** Messages of a statement that is sent in parts, up to its Sync. */
const parts = new Set([parse, bind, 'D', 'E', 'C'])
const labelLength = 60

/** Reads a client's requests, each whole, with its statements: one for each Bind or Query. */
function requestReader(take: (labels: string[], bytes: Buffer) => void) {
  let labels: string[] = []
  let bytes: Buffer[] = []
  let unnamed = ''
  return messageReader({ begun: false }, (type, message) => {
    const [first, second] = message.toString('utf8', headLength).split('\0', 2) as [string, string]
    if (type === parse && first === '') unnamed = second
    if (type === bind) labels.push(second === '' ? shortened(unnamed) : second)
    if (type === simpleQuery) labels.push(shortened(first))
    bytes.push(message)
    if (parts.has(type)) return
    const request = { labels, bytes: Buffer.concat(bytes) }
    labels = []
    bytes = []
    take(request.labels, request.bytes)
  })
}

/** A request that PostgreSQL answers with the error, in place of another one. */
function raiseError({ code }: Refusal): Buffer {
  const text = `do $$ begin raise exception using errcode = '${code}', message = 'refused by the test'; end $$\0`
  const message = Buffer.alloc(headLength)
  message.write(simpleQuery)
  message.writeInt32BE(Buffer.byteLength(text) + 4, 1)
  return Buffer.concat([message, Buffer.from(text)])
}

/** AuthenticationRequest with a number that the protocol does not have. */
const unknownAuthentication = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 99])

const shortened = (text: string) => text.trim().replace(/\s+/g, ' ').slice(0, labelLength)

const headLength = 5

/**
 * Cuts one direction into messages. Each has a type and a length; only a client's first has no
 * type. Contract: `message` is whole, header included.
 */
function messageReader(
  { begun }: { begun: boolean },
  take: (type: string, message: Buffer) => void,
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let typed = begun
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const typeLength = typed ? 1 : 0
      if (rest.length < typeLength + 4) return
      const length = rest.readInt32BE(typeLength) + typeLength
      if (rest.length < length) return
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      const type = typed ? String.fromCharCode(message[0]!) : ''
      typed = true
      take(type, message)
    }
  }
}
