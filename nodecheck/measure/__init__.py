"""Measurements that checks share: computed from solutions, and cached."""
