"""The journal: what was predicted, decided and done, chained so that no gap goes unseen."""
