import { createSessionClient, type SessionClient } from '@outlast/sdk'
import { useEffect, useState } from 'react'

type Token = string | ((refused?: string) => string | Promise<string>)

/** A client, or the address of the server and a token for it. */
export type ClientSource =
  | { outlast: SessionClient; url?: undefined; token?: undefined }
  | {
      outlast?: undefined
      url: string
      /**
       * A token, or a function that returns one, such as `tokenFrom('/api/outlast-token')`.
       * Components with the same function share a connection. Create a function for each user, and
       * set `key` to the user: a new function alone only replaces the token.
       */
      token?: Token
    }

/** A client whose token can change. */
type Connection = { url: string; token: Token | undefined; outlast: SessionClient }

/** Connections by their token functions. A token that is a text has its own entry by address. */
const byFunction = new WeakMap<() => unknown, Connection[]>()
const byText: Connection[] = []
const textsMax = 10

function connect(url: string, token: Token | undefined): Connection {
  const known = typeof token === 'function' ? (byFunction.get(token) ?? []) : byText
  if (typeof token === 'function') byFunction.set(token, known)
  const found = known.find((one) => one.url === url && (known !== byText || one.token === token))
  if (found) return found
  const apiKey = async (refused?: string) => {
    const { token } = connection
    return typeof token === 'function' ? token(refused) : (token ?? '')
  }
  // A server that renders a page has no address to complete a relative one with.
  const absolute = 'location' in globalThis ? url : new URL(url, 'http://localhost').href
  const outlast = createSessionClient({ url: absolute, apiKey })
  const connection: Connection = { url, token, outlast }
  known.push(connection)
  if (known === byText && known.length > textsMax) known.shift()
  return connection
}

/** Returns the given client, or that of the address. A new token replaces the previous one. */
export function useClient({ outlast, url, token }: ClientSource): SessionClient {
  const [connection, setConnection] = useState(() => (outlast ? undefined : connect(url, token)))
  const isOther = !outlast && connection?.url !== url
  const current = isOther ? connect(url, token) : connection
  if (isOther) setConnection(current)
  useEffect(() => {
    if (current) current.token = token
  }, [current, token])
  return outlast ?? current!.outlast
}
