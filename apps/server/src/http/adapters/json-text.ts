import { jsonOrText } from '../../json.ts'
import { storable } from '../core/body.ts'
import { valueCounter } from '../core/json-size.ts'

/**
 * Parses JSON that a client sent as text: arguments and results of calls. Other text is itself.
 * Contract: throws as for the body of a request if it is nested too deeply or has too many values.
 */
export function jsonIn(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return jsonOrText(text)
  valueCounter()(Buffer.from(text))
  const value = jsonOrText(text)
  return typeof value === 'string' ? value : storable(value, true)
}
