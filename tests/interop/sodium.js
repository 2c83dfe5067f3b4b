"use strict";
// What telehash-cs3a asks of libsodium's binding for node, given by tweetnacl: code that shares nothing
// with ours.

const nacl = require("tweetnacl");

const ZEROS = Buffer.alloc(16); // NaCl's first interface keeps them before each ciphertext

exports.crypto_secretbox_BOXZEROBYTES = ZEROS.length;

exports.crypto_box_keypair = () => {
  const { publicKey, secretKey } = nacl.box.keyPair();
  return { publicKey: Buffer.from(publicKey), secretKey: Buffer.from(secretKey) };
};

exports.crypto_box_beforenm = (theirs, ours) => Buffer.from(nacl.box.before(theirs, ours));

exports.crypto_secretbox = (plain, nonce, key) =>
  Buffer.concat([ZEROS, nacl.secretbox(plain, nonce, key)]);

exports.crypto_secretbox_open = (sealed, nonce, key) => {
  const plain = nacl.secretbox.open(sealed.subarray(ZEROS.length), nonce, key);
  return plain ? Buffer.from(plain) : undefined;
};

exports.crypto_onetimeauth = (message, key) => {
  const tag = Buffer.alloc(16);
  nacl.lowlevel.crypto_onetimeauth(tag, 0, message, 0, message.length, key);
  return tag;
};
