import type { ProjectConfig } from '../authoring/config.ts'
import { settings } from '../config/settings.ts'

type Shape = 'array' | 'object' | 'function'

const shapes: Record<keyof ProjectConfig, readonly Shape[]> = {
  capabilities: ['array'],
  tools: ['array'],
  agents: ['array'],
  folders: ['object'],
  settings: ['object'],
  auth: ['object'],
  hooks: ['object'],
  routes: ['function'],
}

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
    if (value !== undefined && !wanted.includes(shapeOf(value))) {
      throw new Error(`\`${key}\` must be ${wanted.map((shape) => `an ${shape}`).join(' or ')}.`)
    }
  }
  for (const name of Object.keys(config.settings ?? {})) {
    if (!Object.hasOwn(settings, name)) throw new Error(`\`settings.${name}\` is no setting.`)
  }
  for (const [kind, folder] of Object.entries(config.folders ?? {})) {
    if (typeof folder !== 'string') throw new Error(`\`folders.${kind}\` must be a path.`)
  }
  if (config.auth && typeof config.auth.verify !== 'function') {
    throw new Error('`auth.verify` must be a function.')
  }
  checkHooks(config.hooks ?? {})
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

const shapeOf = (value: unknown): Shape => (Array.isArray(value) ? 'array' : typeof value) as Shape
