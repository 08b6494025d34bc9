import type { FastifyInstance } from 'fastify'
import type { Principal } from '../../access/principal.ts'
import type { Node } from '../../runtime/node.ts'
import type { Db } from '../../store/database.ts'

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal
    /** Database of the request: the share of its organization, or its transaction. */
    db: Db
    /** Work to do after the commit and before the response is sent. */
    committed: (() => void | Promise<void>)[]
    /** Sets how many bytes of the body are in memory. Undefined if they are not counted. */
    bodyHolds: ((bytes: number) => void) | undefined
  }
  /** Facts for the OpenAPI document. The texts of an operation are in `<noun>.docs.ts`. */
  interface FastifySchema {
    operationId?: string
    /** Content types of a text body. */
    consumes?: string[]
    /** Content types of a text response. */
    produces?: string[]
    /** Status of a response without a body, if it is not 204, or beside one with a body. */
    bare?: number
    /** Excludes the route from the document: an alias of another route. */
    hide?: boolean
  }
  interface FastifyContextConfig {
    /** Allows NUL in texts of the body. */
    allowsNul?: boolean
    /** Treats an absent body as an empty object. */
    bodyOptional?: boolean
    /** Accepts an Idempotency-Key also at the storage quota. */
    whenFull?: boolean
    /** Calls another server before its transaction. A retry calls it again, also with a key. */
    callsOut?: boolean
    /** A route of the project. */
    own?: boolean
    /** Answers in every state of the server, also while it stops. */
    always?: boolean
  }
}

/** Dependencies of every route file. */
export type Api = {
  app: FastifyInstance
  node: Node
  version: string
  /** True once the server accepts no new requests. */
  stopping: () => boolean
  /** Problems of the user's code. Undefined unless the server is one of `outlast dev`. */
  codeProblems: (() => readonly string[]) | undefined
}
