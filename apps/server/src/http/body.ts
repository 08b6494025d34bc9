import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError, invalidAt } from '../errors.ts'

const depthMax = 100

/** JSON bodies only, without prototype tricks, not too deep, all text well-formed. An empty body is none. */
export function parseJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, text, done) => {
      if (text.trim() === '') return done(null, undefined)
      parse(request, text, (error, value) => {
        if (error) return done(new ApiError('invalid_json'))
        try {
          done(null, checked(value, request))
        } catch (problem) {
          done(problem as Error)
        }
      })
    },
  )
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
function checked(body: unknown, request: FastifyRequest): unknown {
  const root = { body }
  const allowsNul = request.routeOptions.config.allowsNul ?? false
  const stack: Place[] = [{ value: root, path: '', depth: 0 }]
  for (let place = stack.pop(); place; place = stack.pop()) {
    if (place.depth > depthMax)
      throw invalidAt(place.path, `is nested deeper than ${depthMax} levels`)
    const holder = place.value as Record<string, unknown>
    for (const key of Object.keys(holder)) {
      const path = place.depth === 0 ? '' : place.path === '' ? key : `${place.path}/${key}`
      if (!key.isWellFormed() || key.includes('\0')) throw invalidAt(path, 'is not a usable name')
      const value = holder[key]
      if (typeof value === 'string') holder[key] = text(value, path, allowsNul)
      else if (typeof value === 'object' && value !== null) {
        stack.push({ value, path, depth: place.depth + 1 })
      }
    }
  }
  return root.body
}

function text(value: string, path: string, allowsNul: boolean): string {
  if (!allowsNul && value.includes('\0')) throw invalidAt(path || 'body', 'must not contain NUL')
  return value.isWellFormed() ? value : value.toWellFormed()
}
