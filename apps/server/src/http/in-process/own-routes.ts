import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Routes } from '../../authoring/config.ts'
import { ApiError } from '../../errors.ts'
import type { Api } from '../core/api.ts'
import { processClient } from './client.ts'
import type { InProcess } from './in-process.ts'

/**
 * Registers the routes of the project in a scope of their own: what it adds does not reach other
 * routes.
 */
export async function ownRoutes(
  { app, node }: Api,
  inProcess: InProcess,
  routes: Routes,
): Promise<void> {
  const outlast = processClient(inProcess, node.access.processKey)
  await app.register(async (shell) => {
    shell.setErrorHandler(answerOwnError)
    // The user's error handler replaces ours in a scope inside.
    await shell.register(async (scope: FastifyInstance) => routes(scope, { outlast }))
  })
}

/** Keeps the status of an error that a route of the project throws for its client. */
function answerOwnError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply) {
  const { statusCode: status = 500, code: given } = error
  // Other libraries have numbers as codes.
  const code = typeof given === 'string' ? given : 'request_failed'
  const isOurs = error instanceof ApiError || code.startsWith('FST_')
  if (isOurs || !(status >= 400 && status < 500)) throw error
  return reply.code(status).send({ error: error.message, code })
}
