/** Runs the MCP project's reference server as a process, on loopback. It prints its `PORT`. */
import { type AddressInfo, Server } from 'node:net'

const listen = Server.prototype.listen as (...args: unknown[]) => Server
Server.prototype.listen = function (this: Server, _port: unknown, done?: () => void) {
  return listen.call(this, Number(process.env.PORT), '127.0.0.1', () => {
    done?.()
    process.stdout.write(`at port ${(this as Server).address() && portOf(this)}.\n`)
  })
} as typeof Server.prototype.listen

const portOf = (server: Server) => (server.address() as AddressInfo).port

const place = import.meta.resolve('@modelcontextprotocol/server-everything/package.json')
process.argv[2] = 'streamableHttp'
await import(new URL('dist/index.js', place).href)
