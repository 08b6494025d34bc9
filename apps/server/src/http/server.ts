import cors from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { TObject } from 'typebox'
import { ApiError } from '../errors.ts'
import type { Node } from '../runtime/node.ts'
import { accountRoutes } from './accounts.ts'
import { agentFileRoutes } from './agent-files.ts'
import { agentRoutes } from './agents.ts'
import { answerRoutes } from './answers.ts'
import type { Api } from './api.ts'
import { apiKeyRoutes } from './api-keys.ts'
import { auditRoutes } from './audit.ts'
import { auditRefusals } from './audit-records.ts'
import { authRoutes } from './auth.ts'
import { allowAbsentBodies, parseJsonBodies } from './body.ts'
import { capabilityRoutes } from './capabilities.ts'
import { changeRoutes } from './changes.ts'
import { limitConnections } from './connections.ts'
import { consoleRoutes } from './console.ts'
import { documentRoutes } from './documents.ts'
import { eventRoutes } from './events.ts'
import { exportRoutes } from './exports.ts'
import { fileRoutes } from './files.ts'
import { forkRoutes } from './forks.ts'
import { browserHeaders, guardBrowsers, requestId } from './guard.ts'
import { healthRoutes } from './health.ts'
import { mcpServerRoutes } from './mcp-servers.ts'
import { messageRoutes } from './messages.ts'
import { countRequests, metricsRoutes } from './metrics.ts'
import { modelRoutes } from './models.ts'
import { organizationRoutes } from './organizations.ts'
import { authenticate } from './principal.ts'
import { answerClientError, answerProblems, answerUnknownRoutes } from './problems.ts'
import { providerRoutes } from './providers.ts'
import { readQuery } from './query.ts'
import { scheduleRoutes } from './schedules.ts'
import { sessionTokenRoutes } from './session-tokens.ts'
import { sessionRoutes } from './sessions.ts'
import { streamRoutes } from './stream.ts'
import { createStreams, type Streams } from './streams.ts'
import { runInUnits } from './unit.ts'
import { boundUploads } from './uploads.ts'
import { userRoutes } from './users.ts'
import { validator } from './validate.ts'
import { vendorRoutes } from './vendors.ts'
import { workerRoutes } from './workers.ts'
import { workflowRoutes } from './workflows.ts'

const bodyBytesMax = 2 * 1024 * 1024
/** Bodies under /v1/auth are read before the caller is known. */
const signInBytesMax = 16 * 1024
const headerBytesMax = 16 * 1024
/** Who sends headers more slowly is no client. */
const headersMs = 10_000
const connectionsCheckMs = 2_000
const urlParameterMax = 4_096

export type Http = {
  app: FastifyInstance
  streams: Streams
  /** Lets answers that are under way go out, for a moment, and closes every connection. */
  close: () => Promise<void>
}

/** The HTTP server with every route that this node serves; not listening yet. */
export async function createHttp(
  node: Node,
  { version, stopping }: { version: string; stopping: () => boolean },
): Promise<Http> {
  const app = Fastify({
    bodyLimit: bodyBytesMax,
    genReqId: ({ headers }) => requestId(headers),
    // Without a Host, Node would answer 400 with no body; the guard does it in our words.
    http: {
      maxHeaderSize: headerBytesMax,
      requireHostHeader: false,
      headersTimeout: headersMs,
      connectionsCheckingInterval: connectionsCheckMs,
    },
    trustProxy: node.config.TRUST_PROXY.length > 0 ? node.config.TRUST_PROXY : false,
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: true,
    return503OnClosing: false,
    routerOptions: { maxParamLength: urlParameterMax, querystringParser: readQuery },
    rewriteUrl: ({ url = '/' }) => (url.startsWith('/api/v1/') ? url.slice('/api'.length) : url),
    clientErrorHandler: answerClientError,
    frameworkErrors(_error, request, reply) {
      const problem = new ApiError('invalid_request', 'the URL cannot be read.')
      reply.raw.setHeader('x-request-id', request.id)
      void (reply as FastifyReply).headers(browserHeaders).code(problem.status).send(problem.body)
    },
  })
  app.setValidatorCompiler(({ schema, httpPart }) => validator(schema as TObject, httpPart))
  app.setSerializerCompiler(() => JSON.stringify)
  // An expectation that nobody knows is ignored, where Node would answer 417 with no body.
  app.server.on('checkExpectation', (...exchange) => app.server.emit('request', ...exchange))
  parseJsonBodies(app)
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/v1/auth/')) route.bodyLimit ??= signInBytesMax
  })
  allowAbsentBodies(app)
  answerProblems(app, node.log)
  answerUnknownRoutes(app)
  countRequests(app, node.metrics)
  guardBrowsers(app, node.config)
  await allowOrigins(app, node)
  app.decorateRequest('principal')
  app.decorateRequest('db')
  app.decorateRequest('committed')
  app.decorateRequest('credential', '')
  app.decorateRequest('auditNote')
  app.addHook('onRequest', (request, _reply, done) => {
    done(
      stopping() && !request.routeOptions.config.always ? new ApiError('shutting_down') : undefined,
    )
  })
  authenticate(app, node, limitConnections(app.server, node.config))
  boundUploads(app, node.config)
  runInUnits(app, node)
  auditRefusals(app, node)

  const api: Api = { app, node, version, stopping }
  healthRoutes(api)
  const streams = createStreams(api)
  metricsRoutes(api, streams)
  const close = closing(app)
  if (node.config.ROLE === 'worker') return { app, streams, close }
  const document = await documentRoutes(api)
  agentRoutes(api)
  await agentFileRoutes(api)
  capabilityRoutes(api)
  sessionRoutes(api)
  exportRoutes(api)
  forkRoutes(api)
  messageRoutes(api)
  answerRoutes(api)
  eventRoutes(api)
  fileRoutes(api)
  streamRoutes(api, streams)
  changeRoutes(api, streams)
  sessionTokenRoutes(api)
  scheduleRoutes(api)
  providerRoutes(api)
  vendorRoutes(api)
  modelRoutes(api)
  mcpServerRoutes(api)
  authRoutes(api)
  apiKeyRoutes(api)
  userRoutes(api)
  accountRoutes(api)
  organizationRoutes(api)
  auditRoutes(api)
  workflowRoutes(api)
  workerRoutes(api)
  await consoleRoutes(api)
  document.complete()
  return { app, streams, close }
}

const lastAnswersMs = 2_000

function closing(app: FastifyInstance) {
  let underWay = 0
  let done = () => {}
  const ended = () => {
    underWay -= 1
    if (underWay === 0) done()
  }
  app.server.on('request', (_request, response) => {
    underWay += 1
    response.on('close', ended)
  })
  return async () => {
    if (underWay > 0) {
      const timer = setTimeout(() => done(), lastAnswersMs)
      await new Promise<void>((resolve) => {
        done = resolve
      })
      clearTimeout(timer)
    }
    await app.close()
  }
}

async function allowOrigins(app: FastifyInstance, { config }: Node) {
  if (config.CORS_ALLOWED_ORIGINS.length === 0) return
  await app.register(cors, {
    origin: config.CORS_ALLOWED_ORIGINS,
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['x-request-id', 'retry-after', 'etag'],
    maxAge: 600,
  })
}
