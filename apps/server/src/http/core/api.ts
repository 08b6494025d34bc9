import type { FastifyInstance } from 'fastify'
import type { Principal } from '../../access/principal.ts'
import type { Node } from '../../runtime/node.ts'
import type { Db } from '../../store/database.ts'

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal
    /** Where it reads and writes: the organization's share, or the request's transaction. */
    db: Db
    /** In such a request, work for when the effect is committed, before the answer goes out. */
    committed: (() => void | Promise<void>)[]
  }
  /** Facts for the OpenAPI document. The texts of an operation are in `<noun>.docs.ts`. */
  interface FastifySchema {
    operationId?: string
    /** Types of a body that is text. */
    consumes?: string[]
    /** Types of an answer that is text. */
    produces?: string[]
    /** The status of an answer without a body, where it is not 204. */
    bare?: number
    /** Left out of the document: another name of a route that is in it. */
    hide?: boolean
  }
  interface FastifyContextConfig {
    /** Text in the body may hold NUL. */
    allowsNul?: boolean
    /** The body may be left out: it is an empty object then. */
    bodyOptional?: boolean
    /** Also possible at the storage quota, with an Idempotency-Key and its stored response. */
    whenFull?: boolean
    /** Answers in every state of the server, also while it stops. */
    always?: boolean
  }
}

/** Dependencies of every route file. */
export type Api = {
  app: FastifyInstance
  node: Node
  version: string
  /** True from the moment on at which the server takes nothing new. */
  stopping: () => boolean
}
