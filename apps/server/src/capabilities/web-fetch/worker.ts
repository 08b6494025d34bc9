import { parentPort } from 'node:worker_threads'
import { giveWay } from '../../store/files/give-way.ts'
import { convert, type Page } from './convert.ts'

giveWay()
parentPort?.on('message', (page: Page) => parentPort?.postMessage(convert(page)))
