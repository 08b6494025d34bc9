/** Lets a project import the running package where it is not installed beside the project. */
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'

/** The entries of the package, in the repository or the build. */
const entries: Record<string, URL> = {
  outlast: new URL('../authoring/index.ts', import.meta.url),
  'outlast/server': new URL('../server.ts', import.meta.url),
  'outlast/testing': new URL('../testing/index.ts', import.meta.url),
  'outlast/sdk': new URL('../../../../packages/sdk/src/index.ts', import.meta.url),
}

let isRegistered = false

/** Contract: an installed package wins. */
export function resolvePackage(): void {
  if (isRegistered) return
  isRegistered = true
  registerHooks({
    resolve(specifier, context, next) {
      const entry = Object.hasOwn(entries, specifier) ? entries[specifier] : undefined
      if (!entry) return next(specifier, context)
      try {
        const found = next(specifier, context)
        // In the repository the name means the package's build, which may be absent.
        if (!found.url.startsWith('file:') || existsSync(new URL(found.url))) return found
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
      }
      return next(entry.href, context)
    },
  })
}
