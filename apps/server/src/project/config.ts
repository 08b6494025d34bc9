import type { ProjectConfig } from '../authoring/config.ts'
import { settings } from '../config/settings.ts'

const shapes = {
  capabilities: 'an array',
  tools: 'an array',
  agents: 'an array',
  folders: 'an object',
  settings: 'an object',
  auth: 'an object',
  hooks: 'an object',
  routes: 'a function',
} satisfies Record<keyof ProjectConfig, string>

/** Fields of the objects in a config, except settings. */
const fields = {
  folders: ['capabilities', 'tools', 'agents'],
  auth: ['verify'],
  hooks: ['event', 'call'],
} as const

const hookName = /^[a-z][a-z0-9_-]{0,62}$/

/** Contract: throws an Error that names the field of the config. */
export function checkConfigShape(config: ProjectConfig): void {
  for (const [key, value] of Object.entries(config)) {
    const wanted = Object.hasOwn(shapes, key) ? shapes[key as keyof ProjectConfig] : undefined
    if (!wanted) {
      throw new Error(
        `\`${key}\` is no field of the config: use ${Object.keys(shapes).join(', ')}.`,
      )
    }
    if (value !== undefined && shapeOf(value) !== wanted) {
      throw new Error(`\`${key}\` must be ${wanted}.`)
    }
  }
  for (const name of Object.keys(config.settings ?? {})) {
    if (!Object.hasOwn(settings, name)) throw new Error(`\`settings.${name}\` is no setting.`)
  }
  for (const [part, known] of Object.entries(fields)) checkFields(config, part, known)
  for (const [kind, folder] of Object.entries(config.folders ?? {})) {
    if (typeof folder !== 'string') throw new Error(`\`folders.${kind}\` must be a path.`)
  }
  if (config.auth && typeof config.auth.verify !== 'function') {
    throw new Error('`auth.verify` must be a function.')
  }
  checkHooks(config.hooks ?? {})
}

function checkFields(config: ProjectConfig, part: string, known: readonly string[]) {
  const odd = Object.keys(config[part as keyof typeof fields] ?? {}).find(
    (key) => !known.includes(key),
  )
  if (odd) throw new Error(`\`${part}.${odd}\` has no meaning: use ${known.join(', ')}.`)
}

function checkHooks({ event, call }: NonNullable<ProjectConfig['hooks']>) {
  if (call !== undefined && typeof call !== 'function') {
    throw new Error('`hooks.call` must be a function.')
  }
  if (event === undefined || typeof event === 'function') return
  for (const [name, hook] of Object.entries(event)) {
    if (typeof hook !== 'function') throw new Error(`\`hooks.event.${name}\` must be a function.`)
    if (!hookName.test(name)) {
      throw new Error(
        `\`hooks.event.${name}\` needs a name of lower-case letters, digits, - and _.`,
      )
    }
  }
}

const shapeOf = (value: unknown) =>
  Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
