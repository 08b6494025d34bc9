import { fetchBudgetCode } from '../../providers/fetch-budget.ts'
import { failureReason } from '../web-fetch/request.ts'

/** A failure of an MCP server. The message completes a sentence that begins with its name. */
export class McpFailure extends Error {
  override name = 'McpFailure'
}

const wordsMax = 500

/** The beginning of what a server says, on one line. */
export const quoted = (text: string) =>
  text
    .slice(0, wordsMax)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .toWellFormed()

type SdkFailure = Error & { code?: unknown; status?: unknown; data?: { text?: unknown } }

/** The fault as the rest of a sentence after the server's name, in our words or the server's. */
export function mcpFailureSentence(error: unknown): string {
  if (error instanceof McpFailure) return error.message
  const { name, message, code, status, data } = error as SdkFailure
  if (typeof status === 'number') return `${ofStatus(status, message)}${said(data?.text)}.`
  if (name === 'ProtocolError' || typeof code === 'number') {
    return `refuses${said(message)} (MCP error ${String(code)}).`
  }
  if (code === fetchBudgetCode) return 'is not read: too many bytes are being fetched at once.'
  if (code === 'REQUEST_TIMEOUT') return 'did not answer in time.'
  if (code === 'CONNECTION_CLOSED' || code === 'NOT_CONNECTED') return 'closed the connection.'
  if (typeof code === 'string') return 'gives an answer that is not MCP.'
  if (name === 'TypeError' || message === 'fetch failed') return `${failureReason(error)}.`
  return 'gives an answer that is not MCP.'
}

function ofStatus(status: number, message: string): string {
  const redirect = /Redirect [^(]*/.exec(message)?.[0]
  if (redirect !== undefined) return `leads elsewhere, which is not followed (HTTP ${status})`
  if (status === 401 || status === 403) return `refuses our key or headers (HTTP ${status})`
  return `answers with HTTP ${status}`
}

function said(text: unknown): string {
  const words = typeof text === 'string' ? quoted(text).replace(/\.+$/, '') : ''
  return words === '' ? '' : `: ${words}`
}

/**
 * True for a request that a server did not process because it does not know the session that it
 * belongs to: 404 by the protocol; some servers answer 400 and say so.
 */
export function isSessionLost(error: unknown): boolean {
  const { status, data } = error as SdkFailure
  if (status === 404) return true
  return status === 400 && typeof data?.text === 'string' && /session/i.test(data.text)
}
