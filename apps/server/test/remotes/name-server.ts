import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { TestContext } from 'node:test'
import ipaddr from 'ipaddr.js'

const types: Record<number, 4 | 6> = { 1: 4, 28: 6 }
const headerBytes = 12

/** The name in a question, and the bytes of the question. */
function questionIn(message: Buffer) {
  const labels: string[] = []
  let at = headerBytes
  while (message[at]! > 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]!))
    at += 1 + message[at]!
  }
  return { name: labels.join('.'), type: types[message.readUInt16BE(at + 1)], end: at + 5 }
}

/** A record that points at the name in the question, valid for no time. */
function recordOf(address: string): Buffer {
  const data = Buffer.from(ipaddr.parse(address).toByteArray())
  const record = Buffer.alloc(12)
  record.writeUInt16BE(0xc000 | headerBytes, 0)
  record.writeUInt16BE(isIPv6(address) ? 28 : 1, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt16BE(data.length, 10)
  return Buffer.concat([record, data])
}

/**
 * Starts a DNS server on loopback. `answer` returns the addresses of a name; undefined: it never
 * answers. The result is its address.
 */
export async function startNameServer(
  t: TestContext,
  answer: (name: string, family: 4 | 6 | undefined) => readonly string[] | undefined,
): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const { name, type, end } = questionIn(message)
    const all = answer(name, type)
    if (!all) return
    const fitting = all.filter((one) => isIPv6(one) === (type === 6))
    const head = Buffer.from(message.subarray(0, end))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(fitting.length, 6)
    head.writeUInt16BE(0, 10)
    socket.send(Buffer.concat([head, ...fitting.map(recordOf)]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}
