"""What may be told of everybody whom cameras saw, without telling of anybody: masks by place and hour."""
