import { Type } from 'typebox'
import Format from 'typebox/format'

/** True for a name of the IANA time zone database, in any case, and for an offset like `+02:00`. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

Format.Set('time-zone', isTimeZone)

/** A config field for a time zone, which refuses unknown names. */
export const TimeZone = (description: string) =>
  Type.String({
    format: 'time-zone',
    maxLength: 64,
    examples: ['Europe/Kyiv'],
    title: 'Default time zone',
    description,
  })
