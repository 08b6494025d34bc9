import type { Socket } from 'node:net'
import cors from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { TObject } from 'typebox'
import { inProcessAddress } from '../access/address.ts'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Node } from '../runtime/node.ts'
import type { Api } from './core/api.ts'
import { auditRefusals } from './core/audit-records.ts'
import { allowAbsentBodies, parseJsonBodies } from './core/body.ts'
import { readChangeReasons } from './core/change-reason.ts'
import {
  answerClientError,
  answerProblems,
  answerUnknownRoutes,
  responseOf,
} from './core/problems.ts'
import { readQuery } from './core/query.ts'
import { runInTransactions } from './core/transaction.ts'
import { watchUnknownFields } from './core/unknown-fields.ts'
import { validator } from './core/validate.ts'
import { createInProcess, type InProcess } from './in-process/in-process.ts'
import { watchOwnRoutes } from './in-process/reserved.ts'
import { referenceRoutes } from './reference/reference.ts'
import { accountRoutes } from './routes/access/accounts.ts'
import { apiKeyRoutes } from './routes/access/api-keys.ts'
import { auditRoutes } from './routes/access/audit.ts'
import { authRoutes } from './routes/access/auth.ts'
import { organizationRoutes } from './routes/access/organizations.ts'
import { userRoutes } from './routes/access/users.ts'
import { agUiRoutes } from './routes/ag-ui/ag-ui.ts'
import { agentCopyRoutes } from './routes/agents/agent-copies.ts'
import { agentFileRoutes } from './routes/agents/agent-files.ts'
import { agentNameRoutes } from './routes/agents/agent-names.ts'
import { agentRoutes } from './routes/agents/agents.ts'
import { capabilityRoutes } from './routes/agents/capabilities.ts'
import { channelRoutes } from './routes/agents/channels.ts'
import { harnessRoutes } from './routes/agents/harnesses.ts'
import { scheduleRoutes } from './routes/agents/schedules.ts'
import { agentToolRuleRoutes } from './routes/agents/tool-rules.ts'
import { aiSdkRoutes } from './routes/ai-sdk/chat.ts'
import { budgetRoutes } from './routes/budgets/budgets.ts'
import { sessionBudgetRoutes } from './routes/budgets/session-budgets.ts'
import { usageRoutes } from './routes/budgets/usage.ts'
import { channelAnswerRoutes } from './routes/channels/channel-answers.ts'
import { channelEventRoutes } from './routes/channels/channel-events.ts'
import { channelMessageRoutes } from './routes/channels/channel-messages.ts'
import { channelSessionRoutes } from './routes/channels/channel-sessions.ts'
import { fileRoutes } from './routes/files/files.ts'
import { imageRoutes } from './routes/files/images.ts'
import { sessionStorageRoutes } from './routes/files/session-storage.ts'
import { eventRoutes } from './routes/messages/events.ts'
import { feedbackRoutes } from './routes/messages/feedback.ts'
import { messageRoutes } from './routes/messages/messages.ts'
import { retakeRoutes } from './routes/messages/retakes.ts'
import { retryRoutes } from './routes/messages/retries.ts'
import { streamRoutes } from './routes/messages/session-stream.ts'
import { mcpServerRoutes } from './routes/models/mcp-servers.ts'
import { modelRoutes } from './routes/models/models.ts'
import { vendorRoutes } from './routes/models/provider-checks.ts'
import { providerRoutes } from './routes/models/providers.ts'
import { openAIRoutes } from './routes/openai/openai.ts'
import { alertRoutes } from './routes/operations/alerts.ts'
import { changeRoutes } from './routes/operations/changes.ts'
import { consoleRoutes, showUnknownPage } from './routes/operations/console.ts'
import { healthRoutes } from './routes/operations/health.ts'
import { countRequests, metricsRoutes } from './routes/operations/metrics.ts'
import { workerRoutes } from './routes/operations/workers.ts'
import { workflowRoutes } from './routes/operations/workflows.ts'
import { answerRoutes } from './routes/people/answers.ts'
import { approvalRoutes } from './routes/people/approvals.ts'
import { questionRoutes } from './routes/people/questions.ts'
import { waitingRoutes } from './routes/people/waiting.ts'
import { exportRoutes } from './routes/sessions/exports.ts'
import { forkRoutes } from './routes/sessions/forks.ts'
import { pinRoutes } from './routes/sessions/pins.ts'
import { reportRoutes } from './routes/sessions/reports.ts'
import { sessionRoutes } from './routes/sessions/sessions.ts'
import { endUserRoutes } from './routes/tokens/end-users.ts'
import { sessionTokenRoutes } from './routes/tokens/session-tokens.ts'
import { shareRoutes } from './routes/tokens/shares.ts'
import { userTokenRoutes } from './routes/tokens/user-tokens.ts'
import { deliveryRoutes } from './routes/webhooks/deliveries.ts'
import { taskWebhookRoutes } from './routes/webhooks/task-webhooks.ts'
import { webhookRoutes } from './routes/webhooks/webhooks.ts'
import { limitConnections } from './security/connections.ts'
import { browserHeaders, guardBrowsers, requestId } from './security/guard.ts'
import { authenticate, checkTokenFields } from './security/principal.ts'
import { type BodyTimes, bodyTimesDefault, endSlowBodies } from './security/slow-bodies.ts'
import { boundUploads } from './security/uploads.ts'
import { createStreams, type Streams } from './streams/open-streams.ts'

const bodyBytesMax = 2 * 1024 * 1024
/** Bodies under /v1/auth are read before the caller is known. */
const signInBytesMax = 16 * 1024
const headerBytesMax = 16 * 1024
/** Slower request heads end the connection. */
const headersMs = 10_000
const connectionsCheckMs = 2_000
const urlParameterMax = 4_096

export type Http = {
  app: FastifyInstance
  streams: Streams
  inProcess: InProcess
  /** Waits briefly for pending responses, then closes every connection. */
  close: () => Promise<void>
}

/** Creates the HTTP server with every route of this node. It does not listen yet. */
export async function createHttp(
  node: Node,
  about: Pick<Api, 'version' | 'stopping' | 'codeProblems'>,
  bodyTimes: BodyTimes = bodyTimesDefault,
): Promise<Http> {
  const app = openApp(node, bodyTimes)
  const closeApp = closing(app)
  const isOwn = ownConnections(app)
  endStalled(app, node.config, isOwn)
  const beginOwnRoutes = watchOwnRoutes(app)
  setUpBodies(app)
  answerProblems(app, node.log)
  answerUnknownRoutes(app, showUnknownPage(node.config.ROLE))
  countRequests(app, node.metrics)
  guardBrowsers(app, node)
  await allowOrigins(app, node)
  setUpRequests(app, node, about.stopping)
  endSlowBodies(app, bodyTimes, isOwn)
  const api: Api = { app, node, ...about }
  healthRoutes(api)
  const streams = createStreams(api)
  metricsRoutes(api, streams)
  const inProcess = createInProcess(app, node)
  const close = async () => {
    await closeApp()
    await inProcess.stop()
  }
  if (node.config.ROLE === 'worker') return { app, streams, inProcess, close }
  referenceRoutes(api)
  await apiRoutes(api, streams)
  consoleRoutes(api)
  if (node.project.routes) {
    // Takes the client's code into memory, which most servers do not need.
    beginOwnRoutes()
    const { ownRoutes } = await import('./in-process/own-routes.ts')
    await ownRoutes(api, inProcess, node.project.routes)
  }
  return { app, streams, inProcess, close }
}

function openApp(node: Node, { requestMsMax }: BodyTimes): FastifyInstance {
  return Fastify({
    bodyLimit: bodyBytesMax,
    genReqId: ({ headers }) => requestId(headers),
    // Without a Host, Node would answer 400 with no body; the guard does it in our words.
    http: {
      maxHeaderSize: headerBytesMax,
      requireHostHeader: false,
      headersTimeout: headersMs,
      connectionsCheckingInterval: connectionsCheckMs,
    },
    trustProxy: proxiesOf(node.config),
    requestTimeout: requestMsMax,
    keepAliveTimeout: 72_000,
    forceCloseConnections: true,
    return503OnClosing: false,
    routerOptions: { maxParamLength: urlParameterMax, querystringParser: readQuery },
    rewriteUrl: ({ url = '/' }) => (url.startsWith('/api/v1/') ? url.slice('/api'.length) : url),
    clientErrorHandler: answerClientError,
    frameworkErrors(_error, request, reply) {
      const problem = new ApiError('invalid_request', 'the URL cannot be read.')
      reply.raw.setHeader('x-request-id', request.id)
      void (reply as FastifyReply)
        .headers(browserHeaders)
        .code(problem.status)
        .send(responseOf(problem, request.id))
    },
  })
}

/** Where proxies are trusted, so is the program that passes requests to `fetch`. */
const proxiesOf = ({ TRUST_PROXY: proxies }: Config) =>
  proxies.length > 0 && [...proxies, inProcessAddress]

function setUpBodies(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, httpPart }) => validator(schema as TObject, httpPart))
  app.setSerializerCompiler(() => JSON.stringify)
  // Unknown expectations are ignored; Node would answer 417 without a body.
  app.server.on('checkExpectation', (...exchange) => app.server.emit('request', ...exchange))
  parseJsonBodies(app)
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/v1/auth/')) route.bodyLimit ??= signInBytesMax
  })
  allowAbsentBodies(app)
  watchUnknownFields(app)
  readChangeReasons(app)
}

function setUpRequests(app: FastifyInstance, node: Node, stopping: () => boolean): void {
  app.decorateRequest('principal')
  app.decorateRequest('db')
  app.decorateRequest('committed')
  app.decorateRequest('credential', '')
  app.decorateRequest('verifyAgain')
  app.decorateRequest('auditNote')
  app.addHook('onRequest', (request, _reply, done) => {
    done(
      stopping() && !request.routeOptions.config.always ? new ApiError('shutting_down') : undefined,
    )
  })
  authenticate(app, node, limitConnections(app.server, node.config))
  checkTokenFields(app)
  boundUploads(app, node.config)
  runInTransactions(app, node)
  auditRefusals(app, node)
}

async function apiRoutes(api: Api, streams: Streams): Promise<void> {
  agentRoutes(api)
  agentNameRoutes(api)
  agentCopyRoutes(api)
  await agentFileRoutes(api)
  agentToolRuleRoutes(api)
  channelRoutes(api)
  channelSessionRoutes(api)
  channelMessageRoutes(api)
  channelEventRoutes(api, streams)
  channelAnswerRoutes(api)
  capabilityRoutes(api)
  harnessRoutes(api)
  budgetRoutes(api)
  sessionBudgetRoutes(api)
  usageRoutes(api)
  sessionRoutes(api)
  reportRoutes(api)
  pinRoutes(api)
  exportRoutes(api)
  forkRoutes(api)
  retakeRoutes(api)
  feedbackRoutes(api)
  retryRoutes(api)
  waitingRoutes(api)
  messageRoutes(api)
  answerRoutes(api)
  approvalRoutes(api)
  questionRoutes(api)
  eventRoutes(api)
  fileRoutes(api)
  await imageRoutes(api)
  streamRoutes(api, streams)
  changeRoutes(api, streams)
  sessionTokenRoutes(api)
  shareRoutes(api)
  endUserRoutes(api)
  sessionStorageRoutes(api)
  userTokenRoutes(api)
  scheduleRoutes(api)
  alertRoutes(api)
  providerRoutes(api)
  vendorRoutes(api)
  modelRoutes(api)
  mcpServerRoutes(api)
  webhookRoutes(api)
  deliveryRoutes(api)
  taskWebhookRoutes(api)
  authRoutes(api)
  apiKeyRoutes(api)
  userRoutes(api)
  accountRoutes(api)
  organizationRoutes(api)
  auditRoutes(api)
  workflowRoutes(api)
  workerRoutes(api)
  aiSdkRoutes(api, streams)
  await openAIRoutes(api, streams)
  agUiRoutes(api, streams)
}

/**
 * Systems report that a client has read only for each 1.5 MB of a large response, and a program may
 * work on each row of an export. Streams have small frames, and their own, shorter time.
 */
const stallsOfAnswer = 20

/** Tests whether a connection is one of this server, and not of the program that embeds it. */
type IsOwnConnection = (socket: Socket) => boolean

function ownConnections(app: FastifyInstance): IsOwnConnection {
  const own = new WeakSet<Socket>()
  app.server.prependListener('connection', (socket) => own.add(socket))
  return (socket) => own.has(socket)
}

/**
 * Ends responses that their clients do not read. Node calls back only after a time without any read
 * or write: slow readers, and handlers that have written nothing, are not meant.
 */
function endStalled(
  app: FastifyInstance,
  { SSE_STALL_MS: stallMs }: Config,
  isOwn: IsOwnConnection,
): void {
  // Before the handler, which sets the time of a stream.
  app.server.prependListener('request', ({ socket }, response) => {
    if (!isOwn(socket)) return
    response.setTimeout(stallsOfAnswer * stallMs, () => {
      if (response.writableLength > 0) response.destroy()
    })
  })
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
    // A stream whose client left early has its `close` twice.
    response.once('close', ended)
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
  const allowed = new Set(config.CORS_ALLOWED_ORIGINS)
  if (allowed.size === 0) return
  await app.register(cors, {
    // A list would also set headers for other origins, which a channel may have admitted.
    origin: (origin, done) => done(null, origin !== undefined && allowed.has(origin)),
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'x-request-id',
      'x-total-count',
      'retry-after',
      'x-should-retry',
      'etag',
      'outlast-session',
      'location',
      'idempotency-replayed',
      'idempotent-replayed',
    ],
    maxAge: 600,
  })
}
