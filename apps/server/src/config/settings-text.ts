type SettingValues = Readonly<Record<string, unknown>>

/** Settings of a config as texts of environment variables. Undefined values are left out. */
export function settingsText(settings: SettingValues): Record<string, string> {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    given.map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)]),
  )
}
