import { Type } from 'typebox'
import { defineCapability, defineTool, ToolError } from './capability.ts'
import { isTimeZone, TimeZone } from './time-zone.ts'

const config = Type.Object(
  {
    timezone: Type.Optional(
      TimeZone(
        'IANA name of the time zone for calls without one, such as Europe/Kyiv; by default UTC.',
      ),
    ),
  },
  { additionalProperties: false },
)

const input = Type.Object(
  {
    timezone: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'A name of the IANA time zone database, such as Europe/Kyiv.',
      }),
    ),
    format: Type.Optional(
      Type.Enum(['iso8601', 'unix', 'human'], {
        type: 'string',
        default: 'iso8601',
        description: 'iso8601 with offset, unix in seconds, or human as a sentence.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const currentTime = defineCapability({
  id: 'current_time',
  name: 'Current Time',
  description: 'Returns the current date and time in any time zone.',
  category: 'Utilities',
  icon: 'clock',
  status: 'available',
  config,
  sessionRules: { timezone: 'session' },
  tools: (config) => [
    defineTool({
      name: 'get_current_time',
      description: `Returns the current date and time in a time zone; without timezone in ${config.timezone ?? 'UTC'}.`,
      replay: 'safe',
      input,
      run: ({ timezone = config.timezone ?? 'UTC', format = 'iso8601' }) =>
        describeTime(new Date(), timezone, format),
    }),
  ],
})

function describeTime(time: Date, timezone: string, format: 'iso8601' | 'unix' | 'human') {
  if (!isTimeZone(timezone)) {
    throw new ToolError(`Unknown time zone: ${timezone}. Use an IANA name such as Europe/Kyiv.`)
  }
  if (format === 'unix') return { format, timestamp: Math.floor(time.getTime() / 1000), timezone }
  const datetime = format === 'human' ? human(time, timezone) : iso8601(time, timezone)
  return { datetime, format, timezone }
}

function human(time: Date, timeZone: string): string {
  return time.toLocaleString('en-GB', { timeZone, dateStyle: 'full', timeStyle: 'long' })
}

/** Formats a time as in `2026-03-01T17:12:05+02:00`, with `Z` for a zero offset. */
function iso8601(time: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  }).formatToParts(time)
  const at = Object.fromEntries(parts.map((part) => [part.type, part.value]))
  const offset = at.timeZoneName!.replace(/^GMT(\+00:00)?/, '') || 'Z'
  return `${at.year}-${at.month}-${at.day}T${at.hour}:${at.minute}:${at.second}${offset}`
}
