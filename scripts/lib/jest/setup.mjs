export { openMemory as default } from './memory.mjs'
