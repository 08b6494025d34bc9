import { parentPort } from 'node:worker_threads'
import { convert, type Page } from './convert.ts'

parentPort?.on('message', (page: Page) => parentPort?.postMessage(convert(page)))
