"""What several folders of tests share: real servers, real repositories, what processes are left."""
