import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

type Value = string | number | boolean | Value[]
type Attributes = Record<string, Value>

/** A span as an OTLP receiver reads it. Times are nanoseconds since 1970. */
export type ReceivedSpan = {
  traceId: string
  spanId: string
  parentId: string
  name: string
  kind: number
  start: bigint
  end: bigint
  attributes: Attributes
  events: { name: string; time: bigint; attributes: Attributes }[]
  /** 0 unset, 2 error. */
  status: number
  /** The resource of the server that sent it. */
  resource: Attributes
}

/** Starts a receiver of traces over OTLP/HTTP that decodes protobuf without a library. */
export async function startReceiver(t: Pick<TestContext, 'after'>, status = 200) {
  const spans: ReceivedSpan[] = []
  const headers: IncomingHttpHeaders[] = []
  const waiting = new Set<() => void>()
  const server = createServer(async (request, response) => {
    headers.push(request.headers)
    const body = await buffer(request).catch(() => undefined)
    // A request that was aborted while it was sent does not count.
    if (body === undefined) return
    if (request.url === '/v1/traces' && status === 200) spans.push(...spansIn(body))
    response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end()
    for (const look of waiting) look()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const until = <T>(look: () => T | undefined | false): Promise<T> =>
    new Promise((resolve) => {
      const tryIt = () => {
        const found = look()
        if (!found) return
        waiting.delete(tryIt)
        resolve(found)
      }
      waiting.add(tryIt)
      tryIt()
    })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    headers,
    /** Resolves with the value as soon as it has arrived. */
    until,
    /**
     * Returns the spans of the trace with a turn's root, root first. All spans of a turn arrive at
     * once.
     */
    trace: (turnId: string) =>
      until(() => {
        const root = spans.find(({ attributes }) => attributes['outlast.turn.id'] === turnId)
        return root && spans.filter(({ traceId }) => traceId === root.traceId)
      }),
  }
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>

type Fields = Map<number, (Buffer | bigint)[]>

const varint = 0
const fixed64 = 1
const bytes = 2
const fixed32 = 5

/** Returns the fields of a protobuf message by number, each with all of its values. */
function fieldsOf(message: Buffer): Fields {
  const fields: Fields = new Map()
  let at = 0
  function readVarint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at]!
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  function take(length: number): Buffer {
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = Number(readVarint())
    const values = fields.get(tag >> 3) ?? []
    fields.set(tag >> 3, values)
    const type = tag & 7
    if (type === varint) values.push(readVarint())
    else if (type === fixed64) values.push(take(8).readBigUInt64LE())
    else if (type === bytes) values.push(take(Number(readVarint())))
    else if (type === fixed32) values.push(BigInt(take(4).readUInt32LE()))
    else throw new Error(`no protobuf: wire type ${type}`)
  }
  return fields
}

const messages = (fields: Fields, number: number) =>
  (fields.get(number) ?? []).map((value) => fieldsOf(value as Buffer))
const bufferAt = (fields: Fields, number: number) => fields.get(number)?.[0] as Buffer | undefined
const textAt = (fields: Fields, number: number) => bufferAt(fields, number)?.toString() ?? ''
const hexAt = (fields: Fields, number: number) => bufferAt(fields, number)?.toString('hex') ?? ''
const numberAt = (fields: Fields, number: number) => (fields.get(number)?.[0] ?? 0n) as bigint

function spansIn(body: Buffer): ReceivedSpan[] {
  return messages(fieldsOf(body), 1).flatMap((ofResource) => {
    const resource = attributesAt(messages(ofResource, 1)[0]!, 1)
    return messages(ofResource, 2).flatMap((ofScope) =>
      messages(ofScope, 2).map((span) => spanOf(span, resource)),
    )
  })
}

function spanOf(span: Fields, resource: Attributes): ReceivedSpan {
  const [status] = messages(span, 15)
  return {
    traceId: hexAt(span, 1),
    spanId: hexAt(span, 2),
    parentId: hexAt(span, 4),
    name: textAt(span, 5),
    kind: Number(numberAt(span, 6)),
    start: numberAt(span, 7),
    end: numberAt(span, 8),
    attributes: attributesAt(span, 9),
    events: messages(span, 11).map((event) => ({
      time: numberAt(event, 1),
      name: textAt(event, 2),
      attributes: attributesAt(event, 3),
    })),
    status: status ? Number(numberAt(status, 3)) : 0,
    resource,
  }
}

function attributesAt(fields: Fields, number: number): Attributes {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [textAt(pair, 1), readValue(messages(pair, 2)[0]!)]),
  )
}

function readValue(value: Fields): Value {
  if (value.has(2)) return numberAt(value, 2) === 1n
  if (value.has(3)) return Number(numberAt(value, 3))
  if (value.has(4)) {
    const double = Buffer.alloc(8)
    double.writeBigUInt64LE(numberAt(value, 4))
    return double.readDoubleLE()
  }
  const [list] = messages(value, 5)
  return list ? messages(list, 1).map(readValue) : textAt(value, 1)
}
