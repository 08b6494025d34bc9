import { fetchBudgetCode } from '../../outbound/fetch-budget.ts'
import { failureReason } from '../web-fetch/request.ts'

/** A failure of an MCP server. The message completes a sentence that begins with its name. */
export class McpFailure extends Error {
  override name = 'McpFailure'
}

const wordsMax = 500

/** The beginning of a server's text, on one line. */
export const quoted = (text: string) =>
  text
    .slice(0, wordsMax)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .toWellFormed()

type SdkFailure = Error & { code?: unknown; status?: unknown; data?: { text?: unknown } }

/** Describes a failure as the rest of a sentence after the server's name. */
export function mcpFailureSentence(error: unknown): string {
  if (error instanceof McpFailure) return error.message
  const { name, message, code, status, data } = error as SdkFailure
  // A time limit of this client. Its numeric `code` is none of the protocol.
  if (error instanceof DOMException) return 'did not respond in time.'
  if (typeof status === 'number') return `${ofStatus(status, message)}${said(data?.text)}.`
  if (name === 'ProtocolError' || typeof code === 'number') {
    return `refuses${said(message)} (MCP error ${String(code)}).`
  }
  if (code === fetchBudgetCode) return 'cannot be read: too many bytes are being fetched at once.'
  if (code === 'REQUEST_TIMEOUT') return 'did not respond in time.'
  if (code === 'CONNECTION_CLOSED' || code === 'NOT_CONNECTED') return 'closed the connection.'
  if (typeof code === 'string') return 'sent a response that is not MCP.'
  if (name === 'TypeError' || message === 'fetch failed') return `${failureReason(error)}.`
  return 'sent a response that is not MCP.'
}

/** The beginning of the sentence about a server that accepts no longer what signs in to it. */
export const rejection = 'rejects the API key or headers'

function ofStatus(status: number, message: string): string {
  const redirect = /Redirect [^(]*/.exec(message)?.[0]
  if (redirect !== undefined)
    return `redirects to another server, which is not followed (HTTP ${status})`
  if (status === 401 || status === 403) return `${rejection} (HTTP ${status})`
  return `responds with HTTP ${status}`
}

function said(text: unknown): string {
  const words = typeof text === 'string' ? quoted(text).replace(/\.+$/, '') : ''
  return words === '' ? '' : `: ${words}`
}

/**
 * True for a request that was not processed because the server has dropped its session: 404 by the
 * protocol; some servers return 400 with a message.
 */
export function isSessionLost(error: unknown): boolean {
  const { status, data } = error as SdkFailure
  if (status === 404) return true
  return status === 400 && typeof data?.text === 'string' && /session/i.test(data.text)
}
