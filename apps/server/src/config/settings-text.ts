import { ConfigError } from '../config.ts'
import { settings as known } from './settings.ts'

/**
 * Returns settings with values of any type as the environment has them: as text. Absent values are
 * left out.
 * Contract: throws ConfigError for an unknown name and for a value of another type.
 */
export function settingsText(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, textOf(name, value)]),
  )
}

/**
 * Returns the settings of several sources. Later ones win; an empty variable counts as unset.
 */
export function mergedSettings(
  ...sources: readonly Readonly<Record<string, string | undefined>>[]
): Record<string, string | undefined> {
  const given = sources.flatMap((source) => Object.entries(source))
  return Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== ''))
}

function textOf(name: string, value: unknown): string {
  if (!Object.hasOwn(known, name)) throw new ConfigError(`${name} is not a setting.`)
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string')
  if (isList) return value.join(',')
  if (typeof value === 'string' || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new ConfigError(`${name} must be text, a number, true, false, or a list of texts.`)
}
