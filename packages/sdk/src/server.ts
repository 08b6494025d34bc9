/** Parts of the client for servers of products. */
export { type NodeHandler, nodeHandler } from './node-handler.ts'
export { chatOperations, createTokenHandler, type TokenHandlerOptions } from './token-handler.ts'
