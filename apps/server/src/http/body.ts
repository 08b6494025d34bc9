import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError, invalidAt } from '../errors.ts'
import { checkValueCount } from './json-size.ts'

const depthMax = 100
/** Between the steps for a longer text, other requests have their turn. */
const largeLength = 256 * 1024

/** JSON bodies only, without prototype tricks, not too deep, all text well-formed. An empty body is none. */
export function parseJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    async (request: FastifyRequest, text: string) => {
      if (text.trim() === '') return undefined
      const rest = () => (text.length > largeLength ? setImmediate() : undefined)
      await rest()
      checkValueCount(text)
      await rest()
      const value = await new Promise((resolve, reject) => {
        parse(request, text, (error, value) => {
          if (error) reject(new ApiError('invalid_json'))
          else resolve(value)
        })
      })
      await rest()
      const body = storable(value, request.routeOptions.config.allowsNul)
      await rest()
      return body
    },
  )
}

/** Bodies of any type as text, for the routes of a scope of their own. An empty body is none. */
export function parseTextBodies(scope: FastifyInstance): void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      const text = decoder.decode(bytes)
      if (/^\s*[{[]/.test(text)) checkValueCount(text)
      done(null, text)
    } catch (problem) {
      done(problem instanceof ApiError ? problem : invalidAt('body', 'is not text in UTF-8'))
    }
  })
}

/** Where a route takes no body as an empty one. */
export function allowAbsentBodies(app: FastifyInstance): void {
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.routeOptions.config.bodyOptional) request.body ??= {}
    done()
  })
}

type Place = { value: unknown; path: string; depth: number }

/** Replaces lone surrogates in all texts of a body, and refuses what cannot be stored. */
export function storable<T>(body: T, allowsNul = false): T {
  const root = { body }
  const stack: Place[] = [{ value: root, path: '', depth: 0 }]
  for (let place = stack.pop(); place; place = stack.pop()) {
    if (place.depth > depthMax)
      throw invalidAt(place.path, `is nested deeper than ${depthMax} levels`)
    const holder = place.value as Record<string, unknown>
    for (const key of Object.keys(holder)) {
      const path = place.depth === 0 ? '' : place.path === '' ? key : `${place.path}/${key}`
      if (!isUsable(key)) throw invalidAt(path, 'is not a usable name')
      const value = holder[key]
      if (typeof value === 'string') holder[key] = text(value, path, allowsNul)
      else if (typeof value === 'object' && value !== null) {
        stack.push({ value, path, depth: place.depth + 1 })
      }
    }
  }
  return root.body
}

const isUsable = (key: string) => key.isWellFormed() && !key.includes('\0') && key !== '__proto__'

function text(value: string, path: string, allowsNul: boolean): string {
  if (!allowsNul && value.includes('\0')) throw invalidAt(path || 'body', 'must not contain NUL')
  return value.isWellFormed() ? value : value.toWellFormed()
}
