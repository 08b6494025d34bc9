import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError, invalidAt } from '../../errors.ts'
import { isStorable, restFor } from '../../text.ts'
import { valueCounter } from './json-size.ts'

const depthMax = 100
const pieceBytes = 512 * 1024

/** Parses JSON bodies: no prototype keys, limited depth, well-formed text. Empty means absent. */
export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: Buffer) => {
      request.bodyHolds?.(bytes.length)
      const rest = () => restFor(bytes.length)
      const count = valueCounter()
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        await rest()
        count(bytes.subarray(at, at + pieceBytes))
      }
      await rest()
      const text = bytes.toString()
      if (text.trim() === '') return undefined
      await rest()
      const value = parseJson(text)
      await rest()
      checkPrototypes(value)
      const body = storable(value, request.routeOptions.config.allowsNul)
      await rest()
      return body
    },
  )
}

const byteOrderMark = '\ufeff'

/** Contract: throws `invalid_json`. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.startsWith(byteOrderMark) ? text.slice(1) : text)
  } catch {
    throw new ApiError('invalid_json')
  }
}

const hasPrototype = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')

/** Contract: throws `invalid_json` for a value that changes a prototype when it is merged. */
function checkPrototypes(value: unknown): void {
  const values: unknown[] = [value]
  for (const holder of values) {
    if (typeof holder !== 'object' || holder === null) continue
    if (Object.hasOwn(holder, '__proto__') || hasPrototype(holder.constructor))
      throw new ApiError('invalid_json')
    values.push(...Object.values(holder))
  }
}

/** Parses bodies of any type as text, for the routes of `scope`. Empty means absent. */
export function parseTextBodies(scope: FastifyInstance): void {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      const text = decoder.decode(bytes)
      if (/^\s*[{[]/.test(text)) valueCounter()(bytes)
      done(null, text)
    } catch (problem) {
      done(problem instanceof ApiError ? problem : invalidAt('body', 'is not text in UTF-8'))
    }
  })
}

/** Drops a body that was read, before a response that can take long. */
export function dropBody(request: FastifyRequest): void {
  request.body = undefined
  request.bodyHolds?.(0)
}

/** Replaces an absent body by an empty object on routes with `bodyOptional`. */
export function allowAbsentBodies(app: FastifyInstance): void {
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.routeOptions.config.bodyOptional) request.body ??= {}
    done()
  })
}

type BodyNode = { value: unknown; path: string; depth: number }

/** Replaces lone surrogates in all texts of a body. Contract: throws 400 for unstorable values. */
export function storable<T>(body: T, allowsNul = false): T {
  const root = { body }
  const stack: BodyNode[] = [{ value: root, path: '', depth: 0 }]
  for (let place = stack.pop(); place; place = stack.pop()) {
    if (place.depth > depthMax)
      throw invalidAt(place.path, `is nested deeper than ${depthMax} levels`)
    const holder = place.value as Record<string, unknown>
    for (const key of Object.keys(holder)) {
      const path = place.depth === 0 ? '' : place.path === '' ? key : `${place.path}/${key}`
      if (!isUsable(key)) throw invalidAt(path, 'is not a usable name')
      const value = holder[key]
      if (typeof value === 'string') holder[key] = storableString(value, path, allowsNul)
      else if (typeof value === 'object' && value !== null) {
        stack.push({ value, path, depth: place.depth + 1 })
      }
    }
  }
  return root.body
}

const isUsable = (key: string) => isStorable(key) && key !== '__proto__'

function storableString(value: string, path: string, allowsNul: boolean): string {
  if (!allowsNul && value.includes('\0')) throw invalidAt(path || 'body', 'must not contain NUL')
  return value.isWellFormed() ? value : value.toWellFormed()
}
