"""Publishing folders on the Hub, and getting them from there."""

from hf_relation.hub.plan import PushPlan, plan_push
from hf_relation.hub.pull import pull
from hf_relation.hub.push import push


__all__ = ["PushPlan", "plan_push", "pull", "push"]
